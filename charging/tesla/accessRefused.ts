/** The Fleet API lets us not do what we ask until a person has done something; the message says what. */
export class AccessRefused extends Error {
  override readonly name = 'AccessRefused';
}
