//! stub
#[derive(PartialEq)]
pub(crate) enum Cause {
    Throttled,
    EncodedAuthorization { message: String },
    NameTaken { stack: Option<String> },
}
impl Cause {
    pub(crate) fn of(reason: &str) -> Option<Self> {
        reason.contains("zzz").then_some(Self::Throttled)
    }
    pub(crate) fn hint(&self) -> String {
        String::new()
    }
}
