/** What `inferenceJob` asks for once its batch has ended. */
export interface WebhookActivities {
  /** Ids of the endpoints that want to hear how the batch ended. */
  webhooksOf(request: { readonly batchId: string }): Promise<string[]>;
  /**
   * Posts one endpoint the event of a batch's final state, or of a correction after it, in the form that OpenAI's SDKs verify.
   * @throws Error when the endpoint does not answer with 2xx
   */
  postWebhook(request: {
    readonly batchId: string;
    readonly endpointId: string;
    /** Of a batch that had ended, and whose files were written anew. */
    readonly correction?: number;
  }): Promise<void>;
}
