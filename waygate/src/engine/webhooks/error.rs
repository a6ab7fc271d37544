/// A change of a webhook that is not possible.
///
/// ```
/// use waygate::webhook::WebhookError;
///
/// let error = WebhookError::Unknown("ops".to_owned());
/// assert_eq!(error.to_string(), "there is no webhook `ops`");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// There is none with this name.
    #[error("there is no webhook `{0}`")]
    Unknown(String),
    /// The name is taken.
    #[error("the webhook `{0}` exists already; change it, or choose another name")]
    Exists(String),
    /// Another service declares a webhook of this name.
    #[error("{0}")]
    Conflict(String),
    /// A process without a service takes over no webhook of one that has a service.
    #[error(
        "this process has no service, so it cannot take over `{0}`: set one with `WaygateBuilder::service`"
    )]
    NoService(String),
    /// The application declares it.
    #[error("the webhook `{0}` is declared by the application; change it there")]
    Declared(String),
    /// The code of another process declares it, or did.
    #[error(
        "the webhook `{name}` is declared by the code of {service}; choose another name, or delete `{name}` first if no code declares it any more"
    )]
    DeclaredElsewhere {
        /// The name.
        name: String,
        /// The service of the process.
        service: String,
    },
    /// There are too many.
    #[error("there are {0} webhooks, which is the most; delete one first")]
    TooMany(usize),
    /// Neither the audit log nor the dead letters have the event.
    #[error("there is no event `{0}`; the audit log may have dropped it")]
    NoSuchEvent(String),
    /// The operating system has no random numbers.
    #[error("no secret can be made: {0}")]
    NoSecret(String),
}
