use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::event_type::{EventType, unknown};
use crate::{grammar::Invalid, model::AuditEntry};

/// A pattern of event types: `route.disabled`, `route.*`, or `*`.
///
/// ```
/// use waygate_core::webhook::{EventPattern, EventType};
///
/// let pattern: EventPattern = "route.*".parse()?;
/// assert!(pattern.matches(EventType::RouteDisabled));
/// assert!(!pattern.matches(EventType::FlagCreated));
/// assert!("rout.*".parse::<EventPattern>().is_err());
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventPattern(Box<str>);

impl EventPattern {
    /// Returns whether a type is meant. A test is meant by every pattern, and [`EventType::LimitThreshold`] only by its
    /// full name.
    pub fn matches(&self, event: EventType) -> bool {
        let name = event.as_str();
        match self.0.strip_suffix('*') {
            _ if event == EventType::EndpointTest => true,
            Some(_) if event.is_opt_in() => false,
            Some(start) => name.starts_with(start),
            None => *name == *self.0,
        }
    }

    /// Returns the pattern.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EventPattern {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let group = text.strip_suffix(".*").filter(|group| !group.contains('.'));
        let is_known = text == "*"
            || text.parse::<EventType>().is_ok()
            || group.is_some_and(|group| {
                let mut all = EventType::ALL.iter();
                all.any(|event| event.as_str().split('.').next() == Some(group))
            });
        match is_known {
            true => Ok(Self(text.into())),
            false => Err(unknown(text)),
        }
    }
}

impl TryFrom<String> for EventPattern {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<EventPattern> for String {
    fn from(pattern: EventPattern) -> Self {
        pattern.0.into()
    }
}

/// The events that an endpoint gets. An empty list means all.
///
/// ```
/// use waygate_core::{
///     Timestamp,
///     model::{Action, AuditEntry, Origin},
///     webhook::EventFilter,
/// };
///
/// let mut filter = EventFilter::default();
/// filter.routes = vec!["GET:/pay*".to_owned()];
/// let line = |path| AuditEntry::new(&Origin::system(), Action::Disable, path, Timestamp::now());
/// assert!(filter.matches(&line("GET:/payments")));
/// assert!(!filter.matches(&line("GET:/bills")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventFilter {
    /// Patterns of types.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventPattern>,
    /// Names of services. An event of no service passes none of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Tags of routes in the OpenAPI document. An event about anything else passes none of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Subjects: keys of routes such as `GET:/a`, with `*` at the end for a prefix.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
}

/// The most entries of a list of a filter.
const MAX_ENTRIES: usize = 100;

impl EventFilter {
    /// Checks the lengths of its lists.
    ///
    /// # Errors
    /// The list that is too long.
    pub fn check(&self) -> Result<(), Invalid> {
        let lists = [
            ("events", self.events.len()),
            ("services", self.services.len()),
            ("tags", self.tags.len()),
            ("routes", self.routes.len()),
        ];
        match lists.into_iter().find(|(_, length)| *length > MAX_ENTRIES) {
            Some((name, length)) => {
                let problem = format!("it has {length} entries, expected at most {MAX_ENTRIES}");
                Err(Invalid::new("filter", name, problem))
            }
            None => Ok(()),
        }
    }

    /// Returns whether events of this type may pass, whatever they are about.
    ///
    /// ```
    /// use waygate_core::webhook::{EventFilter, EventType};
    ///
    /// let all = EventFilter::default();
    /// assert!(all.wants(EventType::RouteDisabled));
    /// assert!(!all.wants(EventType::LimitThreshold), "only by its name");
    /// ```
    pub fn wants(&self, event: EventType) -> bool {
        match self.events.is_empty() {
            true => !event.is_opt_in(),
            false => self.events.iter().any(|pattern| pattern.matches(event)),
        }
    }

    /// Returns whether an event passes. An entry with no event never does.
    pub fn matches(&self, entry: &AuditEntry) -> bool {
        let Some(event) = EventType::of(entry) else {
            return false;
        };
        let any_or_empty = |is_empty: bool, found: bool| is_empty || found;
        let service = entry.service.as_ref();
        self.wants(event)
            && any_or_empty(
                self.services.is_empty(),
                service.is_some_and(|service| self.services.contains(service)),
            )
            && any_or_empty(
                self.tags.is_empty(),
                self.tags.iter().any(|tag| entry.tags.contains(tag)),
            )
            && any_or_empty(
                self.routes.is_empty(),
                self.routes
                    .iter()
                    .any(|route| is_subject(route, &entry.path)),
            )
    }
}

/// Limits have the name of the policy after the route: `GET:/a#default`.
fn is_subject(pattern: &str, subject: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => subject.starts_with(start),
        None => {
            let rest = subject.strip_prefix(pattern);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
        }
    }
}
