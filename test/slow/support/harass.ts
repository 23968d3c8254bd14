/** What is done to a server on its way: killed, killed while it starts or stops, always restarted. */
import { openDrainWatch, stateAfterKill } from './check.ts';
import type { Sending } from './clients.ts';
import type { Load } from './load.ts';
import type { Random } from './random.ts';
import { kill, type Launch, launch, type Server, start } from './server.ts';
import { sleep, until, within } from './waiting.ts';

/** `anytime`: at a random moment. `drain`: while a batch is on its way to the warehouse. */
export type Kill = 'anytime' | 'drain' | 'while starting' | 'while stopping';

export type KillRecord = {
  readonly kill: Kill;
  readonly acknowledged: number;
  readonly found: string;
  readonly readyMs: number;
};

/** Where clients find the server; undefined while there is none. */
export type Place = { server: Server | undefined };

/** The moments are spread over the load: the k-th of n comes at a random point of its n-th part. */
export async function harass(options: {
  kills: readonly Kill[];
  launch: Launch;
  place: Place;
  load: Load;
  sending: Sending;
  random: Random;
}): Promise<KillRecord[]> {
  const { kills, place, load, sending, random } = options;
  const records: KillRecord[] = [];
  const total = load.expected.size;
  for (const [index, kind] of kills.entries()) {
    const part = (0.9 * (index + random.next())) / kills.length;
    const reached = () => sending.acknowledged.size >= part * total;
    await until(reached, 60_000, `${Math.round(part * 100)}% are acknowledged`, 2);
    const server = place.server as Server;
    if (kind === 'drain') await duringDrain(options.launch.directory, random);
    else await sleep(random.whole(0, 60));
    if (kind === 'while stopping') {
      server.send('SIGTERM');
      await sleep(random.whole(0, 80));
    }
    const acknowledged = sending.acknowledged.size;
    const exit = await kill(server);
    place.server = undefined;
    const killed = exit.signal === 'SIGKILL' ? '' : `left first (${exit.code}), `;
    const found = killed + (await stateAfterKill(options.launch.directory));
    if (kind === 'while starting') await killOneStart(options.launch, random, server.readyMs);
    place.server = await start(options.launch);
    records.push({ kill: kind, acknowledged, found, readyMs: Math.round(place.server.readyMs) });
  }
  return records;
}

/** Returns a few milliseconds, or none, after a batch was seen on its way. */
async function duringDrain(directory: string, random: Random): Promise<void> {
  const watch = openDrainWatch(directory);
  try {
    await until(() => watch.isSending(), 20_000, 'a drain has begun', 1);
  } finally {
    watch.close();
  }
  const pause = random.whole(0, 25);
  if (pause > 0) await sleep(pause);
}

async function killOneStart(options: Launch, random: Random, usualMs: number): Promise<void> {
  const child = launch(options);
  await sleep(usualMs * (0.5 + 0.5 * random.next()));
  child.send('SIGKILL');
  await within(10_000, 'SIGKILL', child.exit);
}
