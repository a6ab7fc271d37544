use serde::Serialize;

/// The usual media type.
pub(super) fn json() -> String {
    "application/json".to_owned()
}

/// A body and its type.
///
/// ```
/// use waygate_core::webhook::Message;
///
/// let message = Message::new("text/plain", b"changed".to_vec());
/// assert_eq!(message.content_type, "text/plain");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// The media type.
    pub content_type: String,
    /// The bytes that are signed and sent.
    pub body: Vec<u8>,
}

impl Message {
    /// A body of this media type.
    pub fn new(content_type: impl Into<String>, body: Vec<u8>) -> Self {
        Self {
            content_type: content_type.into(),
            body,
        }
    }

    pub(super) fn json(value: &impl Serialize) -> Result<Self, String> {
        let body = serde_json::to_vec(value).map_err(|error| error.to_string())?;
        Ok(Self::new(json(), body))
    }
}
