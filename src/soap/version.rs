//! The two versions of SOAP as one value with a table of names.
//! Only this table knows how a version spells what both have.

/// A version of SOAP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// SOAP 1.1 (W3C Note, 2000).
    V11,
    /// SOAP 1.2 (W3C Recommendation, 2007).
    V12,
}

/// How a version spells what both have.
#[derive(Debug)]
pub struct Names {
    /// The envelope's namespace.
    pub envelope: &'static str,
    /// The namespace of the section 5 encoding, also the value of `encodingStyle`.
    pub encoding: &'static str,
    /// The tags of the envelope's parts, and the attribute that binds the prefix, with the prefix spelled out.
    pub tags: Tags,
    /// The media type of messages.
    pub content_type: &'static str,
    /// The fault code for errors of the sender.
    pub sender: &'static str,
    /// The fault code for errors of ours.
    pub receiver: &'static str,
    /// The attribute that names whom a header block is for.
    pub role: &'static str,
    /// The value of that attribute that means the next node, which we are.
    pub next: &'static str,
}

/// Names that every reply has, so that none is put together anew.
#[derive(Debug)]
pub struct Tags {
    /// `xmlns:` with the prefix.
    pub xmlns: &'static str,
    /// The Envelope's tag.
    pub envelope: &'static str,
    /// The Header's tag.
    pub header: &'static str,
    /// The Body's tag.
    pub body: &'static str,
}

static V11: Names = Names {
    envelope: "http://schemas.xmlsoap.org/soap/envelope/",
    encoding: "http://schemas.xmlsoap.org/soap/encoding/",
    tags: Tags {
        xmlns: "xmlns:SOAP-ENV",
        envelope: "SOAP-ENV:Envelope",
        header: "SOAP-ENV:Header",
        body: "SOAP-ENV:Body",
    },
    content_type: "text/xml; charset=utf-8",
    sender: "Client",
    receiver: "Server",
    role: "actor",
    next: "http://schemas.xmlsoap.org/soap/actor/next",
};

static V12: Names = Names {
    envelope: "http://www.w3.org/2003/05/soap-envelope",
    encoding: "http://www.w3.org/2003/05/soap-encoding",
    tags: Tags { xmlns: "xmlns:env", envelope: "env:Envelope", header: "env:Header", body: "env:Body" },
    content_type: "application/soap+xml; charset=utf-8",
    sender: "Sender",
    receiver: "Receiver",
    role: "role",
    next: "http://www.w3.org/2003/05/soap-envelope/role/next",
};

impl Version {
    /// The version's names.
    pub fn names(self) -> &'static Names {
        match self {
            Version::V11 => &V11,
            Version::V12 => &V12,
        }
    }

    /// The version whose envelope has that namespace. Document 003 writes SOAP 1.2's with a slash at the end, which is
    /// accepted (contradiction C32).
    pub fn of_envelope(namespace: &str) -> Option<Version> {
        if namespace == V11.envelope {
            return Some(Version::V11);
        }
        (namespace.strip_suffix('/').unwrap_or(namespace) == V12.envelope).then_some(Version::V12)
    }

    /// Whether the namespace is that of either version's section 5 encoding.
    pub fn is_encoding(namespace: &str) -> bool {
        namespace == V11.encoding || namespace == V12.encoding
    }
}
