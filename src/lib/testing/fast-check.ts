import fc from "fast-check";

/** Tests draw the same cases each time; another number looks for other ones. */
const seed = Number(process.env["TIDEMARK_TEST_SEED"] ?? 1);

// By default fast-check draws lists of ten elements at most, however long they may be: a stream of events would be over before it began.
fc.configureGlobal({ defaultSizeToMaxWhenMaxSpecified: true, seed });
