/** Where commands write for people: results to standard output, progress and problems to standard error. */
export type Terminal = {
  print(text: string): void;
  note(text: string): void;
  readonly isInteractive: boolean;
};

export const processTerminal: Terminal = {
  print: (text) => {
    process.stdout.write(`${text}\n`);
  },
  note: (text) => {
    process.stderr.write(`${text}\n`);
  },
  isInteractive: process.stderr.isTTY === true,
};
