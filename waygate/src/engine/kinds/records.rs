use super::{
    ConcurrencyLimits, Generations, Logins, Maintenances, RateLimits, Reseeds, Routes, Schedules,
    Tokens,
};
use crate::engine::store::records;

records! {
    routes: Routes,
    schedules: Schedules,
    maintenances: Maintenances,
    rate_limits: RateLimits,
    concurrency_limits: ConcurrencyLimits,
    generations: Generations,
    reseeds: Reseeds,
    tokens: Tokens,
    logins: Logins,
}
