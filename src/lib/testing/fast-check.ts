import fc from "fast-check";

// By default fast-check draws lists of ten elements at most, however long they may be: a stream of events would be over before it began.
fc.configureGlobal({ defaultSizeToMaxWhenMaxSpecified: true });
