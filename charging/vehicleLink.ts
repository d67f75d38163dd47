/** How messages reach cars. */
export interface VehicleLink {
  /** `retain` keeps the message for a car that connects later. */
  publish(topic: string, payload: unknown, options: { readonly retain: boolean }): Promise<void>;
  /** Removes what is retained on the topic, and tells who listens by an empty message. */
  withdraw(topic: string): Promise<void>;
}
