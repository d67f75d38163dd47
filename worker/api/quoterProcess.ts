import { quoteBatch, type BatchToQuote } from '../../api/http/quoteBatch.ts';
import { previewPolicy, type PolicyToPreview } from '../../api/http/previewPolicy.ts';
import { openDatabase, type Database } from '../../store/database.ts';

let database: Database | undefined;

/** What is asked of it: a quote or a preview. */
export type AskedPlan = { readonly batch: BatchToQuote } | { readonly preview: PolicyToPreview };

process.on('message', (asked: AskedPlan & { readonly databaseUrl: string }) => {
  database ??= openDatabase({ url: asked.databaseUrl, maxConnections: 1 });
  // What is thrown ends the process, which tells the one who asked.
  const planned = 'batch' in asked ? quoteBatch(database, asked.batch) : previewPolicy(database, asked.preview);
  void planned.then((answer) => process.send?.(answer));
});
// Without its parent nobody would ever ask again.
process.on('disconnect', () => process.exit());
