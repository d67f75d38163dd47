import { PDFDocument, StandardFonts, type PDFFont, type PDFPage } from 'pdf-lib';

import type { InvoiceWire } from '../../wire/invoices.ts';

const PAGE = { width: 595, height: 842 } as const;
const MARGIN = 50;
const LINE = 13;
const SIZE = 9;

/** An invoice as a PDF of A4 pages. The standard fonts write Western European letters; others stand as "?". */
export async function invoicePdf(invoice: InvoiceWire): Promise<Uint8Array> {
  const document = await PDFDocument.create();
  document.setTitle(`Invoice ${invoice.number}`);
  document.setCreationDate(new Date(invoice.issued_at * 1000));
  document.setModificationDate(new Date(invoice.issued_at * 1000));
  const font = await document.embedFont(StandardFonts.Helvetica);
  const bold = await document.embedFont(StandardFonts.HelveticaBold);
  let page: PDFPage = document.addPage([PAGE.width, PAGE.height]);
  let y = PAGE.height - MARGIN;
  const next = (lines = 1): void => {
    y -= LINE * lines;
    if (y > MARGIN) return;
    page = document.addPage([PAGE.width, PAGE.height]);
    y = PAGE.height - MARGIN;
  };
  const write = (text: string, x: number, face: PDFFont = font): void => {
    page.drawText(writable(text, face), { x, y, size: SIZE, font: face });
  };
  const writeRight = (text: string, right: number, face: PDFFont = font): void => {
    const shown = writable(text, face);
    page.drawText(shown, { x: right - face.widthOfTextAtSize(shown, SIZE), y, size: SIZE, font: face });
  };
  const { seller, buyer, currency } = invoice;
  for (const text of [seller.name, ...seller.address, ...(seller.tax_id ? [`Tax number ${seller.tax_id}`] : [])]) {
    write(text, MARGIN);
    next();
  }
  next(2);
  for (const text of [buyer.name, ...buyer.address, ...(buyer.tax_id ? [`Tax number ${buyer.tax_id}`] : [])]) {
    write(text, MARGIN);
    next();
  }
  next(2);
  const issued = new Date(invoice.issued_at * 1000).toISOString().slice(0, 10);
  write(`Invoice ${invoice.number} for ${invoice.period}, issued ${issued}`, MARGIN, bold);
  next(2);
  const right = PAGE.width - MARGIN;
  write('Batch', MARGIN, bold);
  write('Model', 235, bold);
  writeRight('Quantity', 430, bold);
  writeRight(currency, right, bold);
  next();
  for (const line of invoice.lines) {
    write(line.batch ?? '', MARGIN);
    write(
      `${line.correction ? 'correction, ' : ''}${line.item === 'price' ? (line.model ?? '') : line.item}`.slice(0, 28),
      235,
    );
    writeRight(line.quantity === null ? '' : `${line.quantity.toFixed(3)} ${line.unit ?? ''}`, 430);
    writeRight(line.amount.toFixed(6), right);
    next();
  }
  next();
  for (const [label, amount] of [
    ['Net', invoice.net],
    [`Tax, ${invoice.tax_percent} %`, invoice.tax],
    ['To pay', invoice.gross],
  ] as const) {
    write(label, 330, bold);
    writeRight(`${amount.toFixed(2)} ${currency}`, right, bold);
    next();
  }
  if (invoice.tax_note) write(invoice.tax_note, MARGIN);
  return document.save();
}

function writable(text: string, font: PDFFont): string {
  const known = new Set(font.getCharacterSet());
  return Array.from(text, (letter) => (known.has(letter.codePointAt(0) ?? 0) ? letter : '?')).join('');
}
