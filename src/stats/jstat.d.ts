/** jstat ships no types: these are the few functions variates.ts draws through. */
declare module 'jstat' {
  type Sampler<Parameters extends readonly number[]> = {
    sample(...parameters: Parameters): number;
  };
  export const jStat: {
    /** The uniform source behind every draw; setRandom replaces it. */
    _random_fn: () => number;
    setRandom(source: () => number): void;
    normal: Sampler<[mean: number, sd: number]>;
    lognormal: Sampler<[mu: number, sigma: number]>;
    gamma: Sampler<[shape: number, scale: number]>;
    beta: Sampler<[alpha: number, beta: number]>;
    poisson: Sampler<[rate: number]>;
    exponential: Sampler<[rate: number]>;
  };
}
