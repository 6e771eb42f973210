/** The store of the simulation does what every store must do, so that what it shows holds for the others. */
import { storeConformance } from '../store/conformance.ts';
import { Bucket, createMemoryStore } from './memory-store.ts';

storeConformance('in memory', async () => createMemoryStore(new Bucket()));
