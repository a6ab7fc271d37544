#[cfg(feature = "flags")]
use std::sync::Arc;

#[cfg(feature = "flags")]
use waygate_core::flag::CompileOptions;
use waygate_core::{
    Timestamp,
    grammar::{EnvName, ServiceName},
};

#[cfg(feature = "flags")]
use super::flags::FlagFacts;
use super::limits::{CountersHandle, LimitStats, RateLimitHeaders};

/// The settings for compiling snapshots, besides the store and the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compiler<'a> {
    pub(crate) env: &'a EnvName,
    pub(crate) service: Option<&'a ServiceName>,
    pub(crate) book: &'a LimitStats,
    pub(crate) counters: &'a CountersHandle,
    pub(crate) headers: RateLimitHeaders,
    pub(crate) sources: KeySources,
    /// Returns `true` if it is a limit of a single method, and a route for all methods of the path governs requests
    /// as well.
    pub(crate) is_part: bool,
    pub(crate) bypass: Bypass,
    #[cfg(feature = "flags")]
    pub(crate) flags: CompileOptions,
    #[cfg(feature = "flags")]
    pub(crate) flag_facts: &'a Arc<FlagFacts>,
    pub(crate) now: Timestamp,
}

/// The active bypasses. Part of the snapshot, so that requests read nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bypass {
    pub(crate) lifecycle: bool,
    pub(crate) rate_limits: bool,
}

/// The application's facts about its requests and limits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeySources {
    /// `true` if requests have a principal type.
    pub(crate) has_principal: bool,
}
