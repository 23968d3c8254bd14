export type DemoOptions = { seed: number; users?: number; once?: true };
export type RunDemo = { createAssay: unknown };
export async function runDemo(_around: unknown, _options: DemoOptions): Promise<void> {}
