/** What every page carries around its content: where it is, who is signed in, which environment. */

export type Frame = {
  readonly environment: string;
  /** The data of this environment come from the simulator; every page says so. */
  readonly simulated: boolean;
  readonly user: string | null;
  readonly csrf: string | null;
  readonly path: string;
};

export type Layout = {
  readonly title: string;
  readonly environment: string;
  readonly simulated: boolean;
  readonly user: string | null;
  readonly csrf: string | null;
  readonly nav: readonly {
    readonly href: string;
    readonly label: string;
    readonly current: 'page' | 'true' | null;
  }[];
};

const PLACES = [
  { href: '/experiments', label: 'Experiments' },
  { href: '/metric-definitions', label: 'Metrics' },
  { href: '/models', label: 'Models' },
];

/** The layout of a page named `title`; `bare` leaves the navigation out, as on the sign-in page. */
export function layoutOf(frame: Frame, title: string, bare = false): Layout {
  const { environment, simulated, user, csrf, path } = frame;
  const here = path.split('?')[0] ?? path;
  return {
    title: `${title} · Assay`,
    environment,
    simulated,
    user: bare ? null : user,
    csrf,
    nav: bare ? [] : PLACES.map((place) => ({ ...place, current: currentOf(place.href, here) })),
  };
}

function currentOf(href: string, path: string): 'page' | 'true' | null {
  if (path === href) return 'page';
  return path.startsWith(`${href}/`) ? 'true' : null;
}
