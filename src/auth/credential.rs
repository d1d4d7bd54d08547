//! What a client proves itself with, taken from the wire and not yet believed.

use std::fmt;

/// A credential, wherever it was found: in a header, in the address, in the body.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A customer's API key and an application's key.
    Keys {
        /// The API key.
        api: String,
        /// The application's key.
        app: String,
    },
    /// A customer's API key alone (document 003, Tables and Keystore; contradiction C17).
    ApiKey(String),
    /// An OAuth2 access token.
    Bearer(String),
    /// HTTP Basic: the API key as user, the application's key as password.
    Basic {
        /// The API key.
        user: String,
        /// The application's key.
        password: String,
    },
    /// An OAuth2 client id and secret (document 003, "Client ID and Client Secret").
    Client {
        /// The client id.
        id: String,
        /// The client secret.
        secret: String,
    },
    /// The URI of a webhook; knowing it is the permission to post to it.
    Webhook(String),
    /// The token of a person or, where a person's would do, an OAuth2 access token.
    Person(String),
    /// The public identifier of a flow; knowing it is the permission to send data to the flow.
    Flow(String),
}

impl fmt::Debug for Credential {
    /// Names the kind and never a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Credential::Keys { .. } => "Keys(…)",
            Credential::ApiKey(_) => "ApiKey(…)",
            Credential::Bearer(_) => "Bearer(…)",
            Credential::Basic { .. } => "Basic(…)",
            Credential::Client { .. } => "Client(…)",
            Credential::Webhook(_) => "Webhook(…)",
            Credential::Person(_) => "Person(…)",
            Credential::Flow(_) => "Flow(…)",
        })
    }
}
