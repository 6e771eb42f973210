import { test } from 'tap';
import { createFolderClock } from '#server/store/folder-clock.ts';

test("the folder's clock is followed, and asked only now and then", async (t) => {
  let [server, ours, touches] = [1_000_000, 0, 0];
  const pass = (ms: number) => {
    server += ms;
    ours += ms;
  };
  const clock = createFolderClock(
    async () => {
      touches += 1;
      return server;
    },
    () => ours,
  );
  t.same(await Promise.all([clock.now(), clock.now(), clock.now()]), [1_000_000, 1_000_000, 1_000_000]);
  pass(5_000);
  t.equal(await clock.now(), 1_005_000);
  t.equal(touches, 1);
  server -= 600_000;
  pass(6_000);
  t.equal(await clock.now(), server, 'after ten seconds a clock that was set is noticed');
  t.equal(touches, 2);
});

test('a folder that cannot be touched is asked again', async (t) => {
  let fails = true;
  const clock = createFolderClock(
    async () => {
      if (fails) throw new Error('no');
      return 5;
    },
    () => 0,
  );
  await t.rejects(clock.now());
  fails = false;
  t.equal(await clock.now(), 5);
});
