/** Who is behind a change that a command makes, for what CONTROL records of it. */
export const commandAuthor = (): string => `${process.env["USER"] ?? "somebody"} (command line)`.slice(0, 100);
