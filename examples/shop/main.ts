import { environment, start } from 'seaworthy/fleet';
import { telemetry } from 'seaworthy/telemetry';
import { crashAt } from 'seaworthy/testing';
import shop from './fleet.ts';
import { cards } from './payments/cards.ts';
import { startProcessor } from './processor/start.ts';
