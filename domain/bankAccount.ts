import { electronicFormatIBAN, isValidBIC, isValidIBAN } from 'ibantools';
import { z } from 'zod';

/** Characters that every bank takes (EPC217-08): others may be replaced on the way, or end the whole file. */
const NAME = /^[A-Za-z0-9/\-?:().,'+ ]{1,70}$/;

const iban = z
  .string()
  .max(50)
  .transform((text) => electronicFormatIBAN(text) ?? '')
  .refine(isValidIBAN, 'must be an IBAN whose check digits hold');
const bic = z
  .string()
  .transform((text) => text.trim().toUpperCase())
  .refine(isValidBIC, 'must be a BIC of 8 or 11 characters');

/** Where money is paid to or from. */
export const bankAccountSchema = z.strictObject({
  /** Letters beyond A to Z must be written as banks do: ä as ae. */
  name: z.string().regex(NAME, "must be 1 to 70 letters A-Z, digits, spaces or / - ? : ( ) . , ' +"),
  iban,
  /** Within SEPA the IBAN says it. */
  bic: bic.optional(),
});
export type BankAccount = z.output<typeof bankAccountSchema>;
