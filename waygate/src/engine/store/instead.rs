/// The effect of an unreadable record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instead {
    LastKnown,
    Closed,
    /// Closes every route that the record may be about, unless it has its own record.
    PathClosed,
    MaintenanceOn,
    /// Closes every service without its own record, by turning on its maintenance.
    ServicesClosed,
    MaintenanceOff,
    Declared,
    /// Flags that use a segment evaluate to an error.
    #[cfg(feature = "flags")]
    Undecided,
    Nothing,
}

impl Instead {
    /// Describes the effect to operators.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::LastKnown => "its last known value applies",
            Self::Closed => {
                "the route is closed until the record is mended or the route is changed"
            }
            Self::PathClosed => {
                "the routes of its path are closed until the record is mended, each until it is changed"
            }
            Self::ServicesClosed => {
                "maintenance of the services that have no record is on until the record is mended or the service's is changed"
            }
            Self::MaintenanceOn => "its maintenance is on until the record is mended or changed",
            Self::MaintenanceOff => "its maintenance is off, as the record says",
            Self::Declared => {
                "what the code declares applies, and no limit where it declares none, until the record is mended or the \
                 limit is set"
            }
            #[cfg(feature = "flags")]
            Self::Undecided => {
                "flags that depend on it evaluate to an error until the record is mended or the segment is set"
            }
            Self::Nothing => "nothing applies in its place",
        }
    }
}
