import { Module } from '@nestjs/common';
import { CatalogController } from './catalog.controller.js';
import { PlanStore } from './plan.store.js';

@Module({ controllers: [CatalogController], providers: [PlanStore], exports: [PlanStore] })
export class CatalogModule {}
