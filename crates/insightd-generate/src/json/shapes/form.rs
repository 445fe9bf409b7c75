//! The form of an API: templates of its parameters, answer and resources.

/// The form of some APIs of one service.
pub(crate) struct Form {
    pub(crate) service: &'static str,
    /// Separated by spaces.
    pub(crate) names: &'static str,
    /// `requestParameters`.
    pub(crate) parameters: &'static str,
    /// `responseElements`; `null` for reads and many writes.
    pub(crate) answer: &'static str,
    /// `resources`; empty if the service omits them.
    pub(crate) resources: &'static str,
}

/// A form without resources.
pub(crate) const fn form(
    service: &'static str,
    names: &'static str,
    parameters: &'static str,
    answer: &'static str,
) -> Form {
    Form { service, names, parameters, answer, resources: "" }
}

impl Form {
    /// The form with resources.
    pub(crate) const fn with(mut self, resources: &'static str) -> Self {
        self.resources = resources;
        self
    }
}
