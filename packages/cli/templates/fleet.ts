import { fleet } from 'seaworthy/fleet';
import { gateway, route } from 'seaworthy/gateway';
import { templateName } from './template-name/contract.ts';
import service from './template-name/service.ts';

export default fleet({
  services: [service],
  gateway: gateway({
    routes: [route('POST /template-name/{entryId}', templateName.add), route('GET /template-name', templateName.tally)],
  }),
});
