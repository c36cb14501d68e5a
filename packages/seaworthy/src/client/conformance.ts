export type { Case, CaseContext } from '../core/case.ts';
export { balancerConformance } from './conformance/balancing.ts';
export { type Connection, type Served, type SuiteOptions, transportConformance } from './conformance/carrying.ts';
export {
  type ChangingListing,
  changingInstanceSourceConformance,
  instanceSourceConformance,
  type Listing,
} from './conformance/listing.ts';
