use waygate_core::{
    Timestamp,
    grammar::{EnvName, ServiceName},
};

use super::limits::{CountersHandle, LimitBook, RateLimitHeaders};

/// The settings that snapshots are compiled with, besides the store and the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compiler<'a> {
    pub(crate) env: &'a EnvName,
    pub(crate) service: Option<&'a ServiceName>,
    pub(crate) book: &'a LimitBook,
    pub(crate) counters: &'a CountersHandle,
    pub(crate) headers: RateLimitHeaders,
    pub(crate) sources: KeySources,
    /// Whether it is a single method's where a route for all methods of the path governs requests as well.
    pub(crate) is_part: bool,
    pub(crate) bypass: Bypass,
    pub(crate) now: Timestamp,
}

/// What is switched off. A part of the picture, so that requests look at nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bypass {
    pub(crate) lifecycle: bool,
    pub(crate) rate_limits: bool,
}

/// What the application has said of its requests and limits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeySources {
    /// Whether requests have a type of callers.
    pub(crate) has_principal: bool,
}
