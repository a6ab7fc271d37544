use crate::engine::store::records;

records! {
    routes: route::Routes,
    schedules: schedule::Schedules,
    maintenances: maintenance::Maintenances,
    rate_limits: policy::RateLimits,
    concurrency_limits: policy::ConcurrencyLimits,
    generations: policy::Generations,
    counter_resets: counter_reset::CounterResets,
    reseeds: reseed::Reseeds,
    tokens: opaque::Tokens,
    logins: opaque::Logins,
    announcements: announcement::Announcements,
    flags: flag::Flags,
    segments: flag::Segments,
    flag_drafts: flag_draft::FlagDrafts,
    flag_relations: flag_relations::FlagRelations,
    webhooks: webhook::Webhooks,
    webhook_cursors: webhook::WebhookCursors,
    webhook_deliveries: webhook::WebhookDeliveries,
    event_marks: webhook::EventMarks,
}
