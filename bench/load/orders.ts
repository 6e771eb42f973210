/** The other end of bench/stage/message.ts: a program, started with IPC, that answers each order with a report and ends with its parent. */

/** An order that fails ends the program; one that is answered with undefined gets no report. */
export function answerOrders<O>(answer: (order: O) => Promise<unknown> | undefined): void {
  process.on('message', (order: O) => {
    answer(order)?.then(
      (report) => process.send?.(report),
      (error: Error) => {
        console.error(error.message);
        process.exit(1);
      },
    );
  });
  process.on('disconnect', () => process.exit());
}
