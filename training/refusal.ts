/** What cannot be trained, and why: an operator without a derivative, a weight of another type, a loss without labels. */
export class TrainingRefusal extends Error {
  override readonly name = 'TrainingRefusal';
}
