export const LSA_PAD = '[PAD]';
export const LSA_UNKNOWN = '[UNK]';

/** The words that an LSA model counts: letters a to z and digits, without case and accents. */
export function lsaWords(text: string): string[] {
  return (
    text
      .normalize('NFKD')
      .replace(/[\u0300-\u036F]/g, '')
      .toLowerCase()
      .match(/[a-z0-9]+/g) ?? []
  );
}
