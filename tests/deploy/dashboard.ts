// What a dashboard's JSON may say, by Grafana's own schema. JSON has texts where the schema has
// enumerations, and a panel says only what differs from the defaults.
import type { Dashboard, Panel, RowPanel }
  from '../bundler/node_modules/@grafana/schema/dist/esm/raw/dashboard/x/dashboard_types.gen'
import type { Options as StatOptions }
  from '../bundler/node_modules/@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen'
import type { FieldConfig, Options }
  from '../bundler/node_modules/@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen'

type Plain<T> = T extends string ? `${T}` : T extends (infer U)[] ? Plain<U>[]
  : T extends object ? { [K in keyof T]: Plain<T[K]> } : T
type Some<T> = T extends (infer U)[] ? Some<U>[] : T extends object ? { [K in keyof T]?: Some<T[K]> } : T

type Fields = NonNullable<Plain<Panel>['fieldConfig']>
// The schema leaves queries to each source: this is what Prometheus' takes.
type Target = { refId: string, expr: string, legendFormat: string, datasource: Panel['datasource'] }

type Shown<Type extends string, Options, Custom> =
  Omit<Plain<Panel>, 'type' | 'title' | 'options' | 'fieldConfig' | 'targets'> & {
    type: Type
    title: string
    targets: Target[]
    options: Some<Plain<Options>>
    fieldConfig: Omit<Fields, 'defaults'> & {
      defaults: Omit<Fields['defaults'], 'custom'> & { custom?: Some<Plain<Custom>> }
    }
  }

export type Board = Omit<Plain<Dashboard>, 'panels'> & {
  panels: (Shown<'stat', StatOptions, never> | Shown<'timeseries', Options, FieldConfig> | Plain<RowPanel>)[]
}
