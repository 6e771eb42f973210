import { EventEmitter } from 'node:events';
import { test } from 'tap';
import { runCommand, runHelper } from '#runner-plugin/step/command.ts';
import { catchSignals, Interrupted, statusOfSignal } from '#runner-plugin/step/signals.ts';

const signals = () => new EventEmitter();
const options = (t: { testdir(): string }, source = signals()) => ({
  folder: t.testdir(),
  env: { PATH: process.env.PATH ?? '' },
  caught: catchSignals(source, false),
});

test('the exit status is the command’s own', async (t) => {
  t.same(await runCommand(['sh', '-c', 'exit 7'], options(t)), { status: 7 });
  t.same(await runCommand(['sh', '-c', 'kill -TERM $$'], options(t)), { status: 143 });
});

test('a program that is not there is 127, one that cannot be started 126', async (t) => {
  t.match(await runCommand(['no-such-program'], options(t)), { status: 127, unstarted: /no-such-program/ });
  const folder = t.testdir({ plain: '' });
  const there = { folder, env: {}, caught: catchSignals(signals(), false) };
  t.match(await runCommand(['./plain'], there), { status: 126 });
});

test('arguments are given as they are', async (t) => {
  const odd = "a b;'$x\n*";
  const script = 'test $# = 2 && test "$1" = "$ODD" && test -z "$2"';
  const given = options(t);
  const env = { ...given.env, ODD: odd };
  t.same(await runCommand(['sh', '-c', script, '-', odd, ''], { ...given, env }), { status: 0 });
});

test('a signal to us is the command’s while it runs', async (t) => {
  const source = signals();
  const given = options(t, source);
  const running = runCommand(['sh', '-c', 'trap "exit 9" TERM; while :; do sleep 0.02; done'], given);
  const poke = setInterval(() => source.emit('SIGTERM', 'SIGTERM'), 50);
  t.teardown(() => clearInterval(poke));
  t.match(await running, { status: /^(9|143)$/ });
  t.equal(given.caught.signal.aborted, false);
  t.equal(given.caught.ending, true);
});

test('before and after the command a signal ends what the cache does', async (t) => {
  const source = signals();
  const caught = catchSignals(source, false);
  source.emit('SIGUSR1', 'SIGUSR1');
  t.equal(caught.signal.aborted, false, 'one that ends nobody');
  source.emit('SIGINT', 'SIGINT');
  t.ok(caught.signal.reason instanceof Interrupted);
  t.equal((caught.signal.reason as Interrupted).status, 130);
  caught.release();
  t.equal(source.listenerCount('SIGINT'), 0);
});

test('on a terminal the command has had its interrupt already', async (t) => {
  const source = signals();
  const caught = catchSignals(source, true);
  const got: unknown[] = [];
  caught.handTo({ kill: (signal) => got.push(signal) > 0 });
  source.emit('SIGINT', 'SIGINT');
  source.emit('SIGTERM', 'SIGTERM');
  t.same(got, ['SIGTERM']);
  t.equal(statusOfSignal('SIGHUP'), 129);
});

test('a helper that fails, or is not there, is COMMAND_FAILED', async (t) => {
  const given = { ...options(t), signal: new AbortController().signal };
  await runHelper('true', [], given);
  await t.rejects(runHelper('sh', ['-c', 'exit 3'], given), {
    code: 'COMMAND_FAILED',
    message: /ended with 3/,
  });
  await t.rejects(runHelper('no-such-program', [], given), { code: 'COMMAND_FAILED' });
});
