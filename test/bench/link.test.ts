import t from 'tap';
import { Flow, INITIAL_WINDOW, LARGEST_WINDOW, Link } from '../../bench/stage/link.ts';

const GIGABIT = 1e9;

t.test('a link carries a gigabit a second for all of its connections together', async (t) => {
  const link = new Link(GIGABIT);
  t.equal(link.departure(0, 125_000), 1, '125,000 bytes take a millisecond');
  t.equal(link.departure(0, 125_000), 2, 'another connection waits behind them');
  t.equal(link.departure(10, 125_000), 11, 'time in which nobody sent is not saved up');
});

t.test(
  'a connection begins with ten segments and doubles what is under way with each round trip',
  async (t) => {
    const flow = new Flow(0);
    let under = INITIAL_WINDOW;
    for (let trip = 0; trip < 3; trip++) {
      t.equal(flow.room(trip * 50), under);
      flow.sent(under);
      t.equal(flow.room(trip * 50), 0, 'nothing more until it is acknowledged');
      flow.acknowledged((trip + 1) * 50, under);
      under *= 2;
    }
  },
);

t.test('a connection never has more under way than the largest receive window', async (t) => {
  const flow = new Flow(0);
  for (let trip = 0; trip < 20; trip++) {
    const room = flow.room(trip);
    flow.sent(room);
    flow.acknowledged(trip + 1, room);
  }
  t.equal(flow.room(20), LARGEST_WINDOW);
});

t.test('a connection that was quiet begins anew', async (t) => {
  const flow = new Flow(0);
  flow.sent(INITIAL_WINDOW);
  flow.acknowledged(50, INITIAL_WINDOW);
  t.equal(flow.room(100), 2 * INITIAL_WINDOW);
  t.equal(flow.room(1000), INITIAL_WINDOW);
});
