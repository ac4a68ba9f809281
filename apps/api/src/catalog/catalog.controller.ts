import { Controller, Get, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Operator, Public } from '../platform/actor.js';
import { Route } from '../platform/route.js';
import { WallClock } from '../platform/wall-clock.js';
import { IMAGES } from './images.js';
import { planListSchema, planWire, powerStatesWire } from './plan.dto.js';
import { PlanStore } from './plan.store.js';

const imageListSchema = z.object({
  data: z.array(
    z
      .object({ name: z.string(), description: z.string(), ports: z.array(z.number().int()) })
      .meta({ id: 'Image' }),
  ),
});

@Controller()
export class CatalogController {
  constructor(
    private readonly plans: PlanStore,
    private readonly clock: WallClock,
  ) {}

  @Get('plans')
  @Public()
  @Route({
    summary: 'Plans on sale, with every price and which meters run in which state',
    operationId: 'listPlans',
    tag: 'Catalogue',
    responses: { 200: planListSchema },
  })
  async listPlans(@Res({ passthrough: true }) reply: FastifyReply) {
    void reply.header('Cache-Control', 'public, max-age=60');
    return this.plansOnSale();
  }

  @Get('operator/plans')
  @Operator()
  @Route({
    summary: 'Plans on sale, as the operator sees them',
    operationId: 'listOperatorPlans',
    tag: 'Operator',
    responses: { 200: planListSchema },
  })
  async listOperatorPlans() {
    return this.plansOnSale();
  }

  @Get('images')
  @Public()
  @Route({
    summary: 'Guests a domain may be created with',
    operationId: 'listImages',
    tag: 'Catalogue',
    responses: { 200: imageListSchema },
  })
  listImages() {
    return { data: IMAGES.map((image) => ({ ...image, ports: [...image.ports] })) };
  }

  private async plansOnSale() {
    const plans = await this.plans.onSale(this.clock.now());
    return { data: plans.map(planWire), power_states: powerStatesWire() };
  }
}
