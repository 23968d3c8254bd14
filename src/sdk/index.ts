/** What a service imports: assignment on the downloaded snapshot, and events that are not lost. */
export type { AssignOptions, Instant, TrackOptions } from './calls.ts';
export { type Answer, type Assay, type AssayStatus, createAssay } from './client.ts';
export type { AssayOptions } from './options.ts';
export { SDK_VERSION } from './version.ts';
export type { AssayWarning, WarningCode } from './warnings.ts';
