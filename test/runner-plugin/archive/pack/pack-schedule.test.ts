/** What bounds a save: memory for raw segments in each lane, stored bytes on their way, questions to the store. */
import { test } from 'tap';
import type { FromEngine, ToEngine } from '#runner-plugin/archive/pack-engine.ts';
import { type Item, Schedule, type SegmentSink } from '#runner-plugin/archive/pack-schedule.ts';
import type { Lane } from '#runner-plugin/archive/pack-threads.ts';

const MiB = 1024 * 1024;

const itemsOf = (count: number, raw: number): Item[] =>
  Array.from({ length: count }, (_, index) => ({
    task: {
      id: 0,
      root: 0,
      raw,
      what: { type: 'run', from: index, to: index + 1, paths: Buffer.from(`${index}`), links: '' },
    },
  }));

/** A lane that reads at once and names a segment by its path, or by `name`; it holds what has had no verdict. */
class PaperLane implements Lane {
  onMessage: (message: FromEngine) => void = () => {};
  readonly held = new Map<number, number>();
  /** Raw bytes, at most at any time. */
  most = 0;
  readonly stored: number;
  readonly name: (path: string) => string;

  constructor(stored: number, name = (path: string) => path) {
    this.stored = stored;
    this.name = name;
  }

  send(message: ToEngine): void {
    if (message.type === 'read') {
      const { id, raw, what } = message.task;
      this.held.set(id, raw);
      this.most = Math.max(
        this.most,
        [...this.held.values()].reduce((sum, bytes) => sum + bytes, 0),
      );
      const identity = this.name(what.type === 'run' ? Buffer.from(what.paths).toString() : '');
      queueMicrotask(() => this.onMessage({ type: 'read', id, identity, crc: 0 }));
    } else if (message.type === 'verdict') {
      const { id, lacking } = message;
      this.held.delete(id);
      if (lacking)
        queueMicrotask(() =>
          this.onMessage({ type: 'stored', id, bytes: new Uint8Array(this.stored), fresh: true }),
        );
    }
  }
}

/** Answers when it is told to. */
class PatientSink implements SegmentSink {
  readonly asked: string[][] = [];
  readonly sent: string[] = [];
  unsent = 0;
  most = 0;
  readonly waiting: (() => void)[] = [];
  lacks = (_: string) => true;

  async lack(identities: string[]): Promise<Set<string>> {
    this.asked.push(identities);
    return new Set(identities.filter((identity) => this.lacks(identity)));
  }

  async send({ identity, bytes }: { identity: string; bytes: Buffer }): Promise<void> {
    this.sent.push(identity);
    this.unsent += bytes.length;
    this.most = Math.max(this.most, this.unsent);
    await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.unsent -= bytes.length;
  }

  /** Sends one thing after another until nothing more comes. */
  async drain(): Promise<void> {
    for (let idle = 0; idle < 20; idle++) {
      await new Promise(setImmediate);
      const resolve = this.waiting.shift();
      resolve?.();
      if (resolve !== undefined) idle = 0;
    }
  }
}

test('a lane never holds more raw bytes than it may, and questions are few', async (t) => {
  const sink = new PatientSink();
  const lanes = [new PaperLane(100_000), new PaperLane(100_000)];
  let packed = 0;
  let ended = 0;
  const schedule = new Schedule(sink, (raw) => {
    packed += raw;
  });
  const done = schedule.run(itemsOf(200, MiB), lanes, 24 * MiB, () => ended++);
  await sink.drain();
  await done;
  t.equal(sink.sent.length, 200);
  t.equal(packed, 200 * MiB);
  t.equal(ended, 1);
  t.ok(
    lanes.every(({ most }) => most <= 24 * MiB && most > 16 * MiB),
    `${lanes.map(({ most }) => most / MiB)} MiB`,
  );
  t.ok(sink.asked.length <= 26, `${sink.asked.length} questions`);
  t.equal(schedule.sentBytes, 200 * 100_000);
});

test('while too much is on its way, nothing more is asked about, and so nothing more compressed', async (t) => {
  const sink = new PatientSink();
  const lane = new PaperLane(2 * MiB);
  const schedule = new Schedule(sink, () => {});
  const done = schedule.run(itemsOf(100, 2 * MiB), [lane], 16 * MiB, () => {});
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
  t.ok(sink.sent.length < 30 && sink.most <= 32 * MiB, `${sink.most / MiB} MiB`);
  await sink.drain();
  await done;
  t.equal(sink.sent.length, 100);
});

test('a content that comes twice is asked about once and sent once', async (t) => {
  const sink = new PatientSink();
  const schedule = new Schedule(sink, () => {});
  const items = itemsOf(30, MiB);
  const lane = new PaperLane(10, (path) => `${Number(path) % 3}`);
  const done = schedule.run(items, [lane], 16 * MiB, () => {});
  await sink.drain();
  await done;
  t.same(sink.sent.toSorted(), ['0', '1', '2']);
  t.same(sink.asked.flat().toSorted(), ['0', '1', '2']);
  t.same(
    items.map(({ identity }) => identity),
    items.map((_, index) => `${index % 3}`),
  );
  t.equal(schedule.reusedBytes, 27 * MiB);
});

test('a lane that waits for memory gets its verdicts, however little there is to ask about', async (t) => {
  const sink = new PatientSink();
  const lane = new PaperLane(10);
  const read = lane.send.bind(lane);
  let reads = 0;
  // As memory in pieces may be: the second segment has no place before the first has gone.
  lane.send = (message) => {
    if (message.type === 'read' && ++reads === 2) {
      queueMicrotask(() => lane.onMessage({ type: 'waiting' }));
      const { send } = lane;
      lane.send = (verdict) => {
        lane.send = send;
        read(verdict);
        read(message);
      };
    } else read(message);
  };
  const schedule = new Schedule(sink, () => {});
  const done = schedule.run(itemsOf(2, MiB), [lane], 16 * MiB, () => {});
  await sink.drain();
  await done;
  t.equal(sink.sent.length, 2);
});

test('what the store has of what is known is not read; what it lacks is, and sent without another question', async (t) => {
  const sink = new PatientSink();
  sink.lacks = (identity) => Number(identity) % 2 === 1;
  const schedule = new Schedule(sink, () => {});
  const items = itemsOf(6, MiB);
  for (const [index, item] of items.entries()) item.identity = `${index}`;
  const known = items.flatMap(({ identity = '' }) => identity);
  t.same([...(await schedule.askKnown(known))], ['1', '3', '5']);
  t.equal(schedule.bytesToRead(items), 3 * MiB);
  const lane = new PaperLane(10);
  const done = schedule.run(items, [lane], 16 * MiB, () => {});
  await sink.drain();
  await done;
  t.same(sink.sent, ['1', '3', '5']);
  t.equal(sink.asked.length, 1);
  t.equal(schedule.reusedBytes, 3 * MiB);
});

test('a save of nothing that must be read ends at once', async (t) => {
  const schedule = new Schedule(new PatientSink(), () => {});
  await schedule.run([], [new PaperLane(10)], 0, () => t.fail('nothing was read'));
  t.pass();
});
