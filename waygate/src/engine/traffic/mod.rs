//! The requests of each route: how many, how they ended, how long they took.
//!
//! Requests increment counters. Everything else is derived from the counters: the last minutes by a task, metrics when
//! they are read.

mod cell;
mod counts;
mod ending;
#[cfg(feature = "metrics")]
mod exemplar;
mod history;
mod latency;
mod line;
mod reason;
mod recording;
mod report;
mod route;
mod sampler;
mod slots;
mod totals;

#[cfg(feature = "flags")]
pub(crate) use counts::{Counts, SHARDS, own_shard};
#[cfg(feature = "metrics")]
pub(crate) use ending::Ending;
#[cfg(feature = "metrics")]
pub(crate) use exemplar::{Exemplar, Exemplars};
#[cfg(feature = "flags")]
pub(crate) use history::{History, MINUTES, minute_of};
#[cfg(feature = "metrics")]
pub(crate) use latency::EDGES;
pub(crate) use latency::{Latencies, LatencyTotals};
pub(crate) use line::Line;
pub(crate) use reason::BlockedBy;
pub(crate) use recording::Recording;
#[cfg(feature = "metrics")]
pub(crate) use route::RouteTraffic;
pub(crate) use sampler::start as start_sampler;
pub(crate) use slots::TrafficSlots;
#[cfg(feature = "flags")]
pub(crate) use totals::Totals;
