import { XMLBuilder, XMLParser } from 'fast-xml-parser';
import { z } from 'zod';

import type { BankAccount } from './bankAccount.ts';
import { NightshiftError } from './errors.ts';
import { issueText } from './issueText.ts';
import { centsOf, currencySchema, microsOf } from './money.ts';

/** One order of a payment file. */
export interface TransferOrder {
  /** Handed through to the statement of the bank; 35 characters at most. */
  readonly endToEndId: string;
  readonly creditor: BankAccount;
  readonly amountMicros: number;
  readonly remittance: string;
}

/** A payment file: all orders of one debtor, one currency and one day. */
export interface TransferFile {
  /** 35 characters at most; banks refuse one that comes twice. */
  readonly messageId: string;
  readonly createdRealMs: number;
  readonly debtor: BankAccount;
  readonly currency: string;
  /** YYYY-MM-DD. */
  readonly executionDate: string;
  readonly orders: readonly TransferOrder[];
}

const NAMESPACE = 'urn:iso:std:iso:20022:tech:xsd:pain.001.001.09';
const builder = new XMLBuilder({ ignoreAttributes: false, format: true, suppressEmptyNode: false });

/**
 * A customer credit transfer initiation of ISO 20022, pain.001.001.09: SEPA within the euro, else as the bank agrees.
 * Amounts are whole cents. Pure: the same file comes from the same orders.
 */
export function creditTransferXml(file: TransferFile): string {
  const { messageId, createdRealMs, debtor, currency, executionDate, orders } = file;
  const sum = decimalCents(orders.reduce((total, { amountMicros }) => total + centsOf(amountMicros), 0));
  const totals = { NbOfTxs: String(orders.length), CtrlSum: sum };
  const isSepa = currency === 'EUR';
  const document = {
    '?xml': { '@_version': '1.0', '@_encoding': 'UTF-8' },
    Document: {
      '@_xmlns': NAMESPACE,
      CstmrCdtTrfInitn: {
        GrpHdr: {
          MsgId: messageId,
          CreDtTm: new Date(createdRealMs).toISOString().replace(/\.\d+Z$/, 'Z'),
          ...totals,
          InitgPty: { Nm: debtor.name },
        },
        PmtInf: {
          PmtInfId: messageId,
          PmtMtd: 'TRF',
          BtchBookg: 'true',
          ...totals,
          ...(isSepa && { PmtTpInf: { SvcLvl: { Cd: 'SEPA' } } }),
          ReqdExctnDt: { Dt: executionDate },
          Dbtr: { Nm: debtor.name },
          DbtrAcct: { Id: { IBAN: debtor.iban } },
          DbtrAgt: agentOf(debtor),
          ...(isSepa && { ChrgBr: 'SLEV' }),
          CdtTrfTxInf: orders.map((order) => ({
            PmtId: { InstrId: order.endToEndId, EndToEndId: order.endToEndId },
            Amt: { InstdAmt: { '@_Ccy': currency, '#text': decimalCents(centsOf(order.amountMicros)) } },
            ...(order.creditor.bic !== undefined && { CdtrAgt: agentOf(order.creditor) }),
            Cdtr: { Nm: order.creditor.name },
            CdtrAcct: { Id: { IBAN: order.creditor.iban } },
            RmtInf: { Ustrd: order.remittance },
          })),
        },
      },
    },
  };
  return builder.build(document);
}

function agentOf({ bic }: BankAccount): object {
  return { FinInstnId: bic === undefined ? { Othr: { Id: 'NOTPROVIDED' } } : { BICFI: bic } };
}

function decimalCents(cents: number): string {
  return `${Math.trunc(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
}

/** What a bank says of one order. */
export interface TransferNotice {
  readonly endToEndId: string;
  readonly amountMicros: number;
  readonly currency: string;
  /** YYYY-MM-DD. */
  readonly bookedOn: string;
  readonly kind: 'paid' | 'returned';
  /** Of a return, as the bank says it. */
  readonly reason: string | undefined;
}

const LISTS = new Set(['Ntfctn', 'Ntry', 'NtryDtls', 'TxDtls']);
const parser = new XMLParser({
  ignoreAttributes: false,
  parseTagValue: false,
  removeNSPrefix: true,
  isArray: (name) => LISTS.has(name),
});

const amountNode = z.object({
  '#text': z.string().regex(/^\d{1,9}(\.\d{1,5})?$/, 'must be an amount with a decimal point, e.g. 4.50'),
  '@_Ccy': currencySchema,
});
const dayText = z.string().regex(/^\d{4}-\d{2}-\d{2}/, 'must begin with a date, e.g. 2026-02-02');
const transactionNode = z.object({
  Refs: z.object({ EndToEndId: z.string() }).partial().optional(),
  Amt: amountNode.optional(),
  RtrInf: z
    .object({ Rsn: z.object({ Cd: z.string() }).partial() })
    .partial()
    .optional(),
});
const entryNode = z.object({
  Amt: amountNode,
  CdtDbtInd: z.enum(['CRDT', 'DBIT']),
  /** A code in camt.054.001.02, `Cd` within it since 001.08. */
  Sts: z.union([z.string(), z.object({ Cd: z.string() })]).optional(),
  BookgDt: z.object({ Dt: dayText.optional(), DtTm: dayText.optional() }).optional(),
  NtryDtls: z.array(z.object({ TxDtls: z.array(transactionNode).default([]) })).default([]),
});
const camtSchema = z.object({
  Document: z.object({
    BkToCstmrDbtCdtNtfctn: z.object({ Ntfctn: z.array(z.object({ Ntry: z.array(entryNode).default([]) })) }),
  }),
});

/**
 * Reads a bank's notification, camt.054 of any version: what was booked of orders that name an end-to-end id. A debit is a
 * payment that went out, a credit one that came back.
 * @throws NightshiftError `invalid_request` for what is no camt.054
 */
export function readNotification(xml: string): TransferNotice[] {
  const parsed = camtSchema.safeParse(parsedXml(xml));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.join('.') || 'the body';
    const message = `This is no camt.054 notification: ${where}: ${issueText(issue)}.`;
    throw new NightshiftError('invalid_request', message, { field: 'body' });
  }
  const entries = parsed.data.Document.BkToCstmrDbtCdtNtfctn.Ntfctn.flatMap(({ Ntry }) => Ntry);
  return entries.filter(isBooked).flatMap((entry) =>
    entry.NtryDtls.flatMap(({ TxDtls }) => TxDtls).flatMap((transaction): TransferNotice[] => {
      const endToEndId = transaction.Refs?.EndToEndId;
      if (endToEndId === undefined) return [];
      const amount = transaction.Amt ?? entry.Amt;
      return [
        {
          endToEndId,
          amountMicros: microsOf(amount['#text']),
          currency: amount['@_Ccy'],
          bookedOn: (entry.BookgDt?.Dt ?? entry.BookgDt?.DtTm ?? '').slice(0, 10),
          kind: entry.CdtDbtInd === 'DBIT' ? 'paid' : 'returned',
          reason: transaction.RtrInf?.Rsn?.Cd,
        },
      ];
    }),
  );
}

function isBooked({ Sts }: z.output<typeof entryNode>): boolean {
  const status = typeof Sts === 'string' ? Sts : Sts?.Cd;
  return status === undefined || status === 'BOOK';
}

function parsedXml(xml: string): unknown {
  try {
    return parser.parse(xml, true);
  } catch {
    return undefined;
  }
}
