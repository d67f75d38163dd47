import { quoteBatch, type BatchToQuote } from '../../api/http/quoteBatch.ts';
import { openDatabase, type Database } from '../../store/database.ts';

let database: Database | undefined;

process.on('message', (asked: { databaseUrl: string; batch: BatchToQuote }) => {
  database ??= openDatabase({ url: asked.databaseUrl, maxConnections: 1 });
  // What is thrown ends the process, which tells the one who asked.
  void quoteBatch(database, asked.batch).then((answer) => process.send?.(answer));
});
// Without its parent nobody would ever ask again.
process.on('disconnect', () => process.exit());
