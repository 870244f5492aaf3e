import type { Database, RootDatabase } from "lmdb";
import { TidemarkError } from "../lib/errors.ts";

/** Not among the databases of the fold: who writes them says nothing of what is in them. */
const DATABASE = "writer";
const KEY = "turn";
const NOTHING = new Uint8Array(1);

/**
 * The right to write a store: whoever opens it for writing takes the turn from whoever had it, and every transaction asks, inside itself,
 * whether the turn is still its writer's. Of two processes on one store, LMDB alone would let both commit in turns, each with a cursor of its
 * own, and what the one had folded beyond the other's cursor would be folded twice.
 */
export class WriterTurn {
  readonly #database: Database<Uint8Array, string>;
  readonly #turn: number;

  /** Durable when it returns. */
  constructor(root: RootDatabase<Uint8Array, string>) {
    const database = root.openDB<Uint8Array, string>(DATABASE, { encoding: "binary", useVersions: true });
    this.#database = database;
    this.#turn = root.transactionSync(() => {
      const turn = (database.getEntry(KEY)?.version ?? 0) + 1;
      database.putSync(KEY, NOTHING, turn);
      return turn;
    });
  }

  /** In a synchronous transaction, before anything is written. Throws TidemarkError `store_taken`. */
  check(): void {
    if (!this.#database.doesExist(KEY, this.#turn)) throw taken();
  }

  /** Queues what `write` puts as one transaction, which writes nothing and rejects with `store_taken` once the turn is another's. */
  async batch(write: () => void): Promise<void> {
    if (!(await this.#database.ifVersion(KEY, this.#turn, write))) throw taken();
  }
}

function taken(): TidemarkError {
  return new TidemarkError("store_taken", "another process opened this feature store for writing, and goes on with it: a store has one writer. Give each ingest a data directory of its own");
}
