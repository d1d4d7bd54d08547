//! Requests as SOAP clients would write them, in the four forms that one endpoint reads.

/// Version and style of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// SOAP 1.1, rpc/encoded.
    Encoded11,
    /// SOAP 1.1, document/literal.
    Literal11,
    /// SOAP 1.2, rpc/encoded.
    Encoded12,
    /// SOAP 1.2, document/literal.
    Literal12,
}

impl Form {
    pub(crate) const ALL: [Form; 4] = [Form::Encoded11, Form::Literal11, Form::Encoded12, Form::Literal12];

    pub(crate) fn is_encoded(self) -> bool {
        matches!(self, Form::Encoded11 | Form::Encoded12)
    }

    pub(crate) fn is_v12(self) -> bool {
        matches!(self, Form::Encoded12 | Form::Literal12)
    }

    pub(crate) fn namespace(self) -> &'static str {
        if self.is_encoded() { "Flowize" } else { "urn:Flowize" }
    }

    pub(crate) fn content_type(self) -> &'static str {
        if self.is_v12() { "application/soap+xml; charset=utf-8" } else { "text/xml; charset=utf-8" }
    }
}

/// A part of a message: an element with text or with parts.
pub(crate) enum Part<'p> {
    Text(&'p str, &'p str),
    Struct(&'p str, Vec<Part<'p>>),
}

/// An element with text.
pub(crate) fn text<'p>(name: &'p str, value: &'p str) -> Part<'p> {
    Part::Text(name, value)
}

/// The keys of the tests' tenant.
pub(crate) fn keys<'p>() -> Part<'p> {
    keys_of("k", "a")
}

/// An AuthenticationObject.
pub(crate) fn keys_of<'p>(api: &'p str, app: &'p str) -> Part<'p> {
    Part::Struct("AuthenticationObject", vec![text("Apikey", api), text("Appkey", app), text("Version", "1")])
}

/// A `DataRecordObject`.
pub(crate) fn record<'p>(uuid: &'p str, data: &'p str) -> Part<'p> {
    Part::Struct("DataRecordObject", vec![text("Uuid", uuid), text("ExecutionTime", ""), text("Data", data)])
}

/// A `FlowDiagramObject` that names a flow.
pub(crate) fn flow(name: &str) -> Part<'_> {
    Part::Struct("FlowDiagramObject", vec![text("Flow", name)])
}

/// A call of an operation.
pub(crate) fn call(form: Form, operation: &str, parts: &[Part<'_>]) -> String {
    with_header(form, "", operation, parts)
}

/// A call with header blocks.
pub(crate) fn with_header(form: Form, header: &str, operation: &str, parts: &[Part<'_>]) -> String {
    let (envelope, encoding) = match form.is_v12() {
        true => ("http://www.w3.org/2003/05/soap-envelope", "http://www.w3.org/2003/05/soap-encoding"),
        false => ("http://schemas.xmlsoap.org/soap/envelope/", "http://schemas.xmlsoap.org/soap/encoding/"),
    };
    let style = if form.is_encoded() { format!(" e:encodingStyle=\"{encoding}\"") } else { String::new() };
    let mut body = String::new();
    write(&mut body, form, parts);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<e:Envelope xmlns:e=\"{envelope}\" xmlns:m=\"{}\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\">\
         <e:Header>{header}</e:Header><e:Body><m:{operation}{style}><input>{body}</input></m:{operation}></e:Body></e:Envelope>",
        form.namespace()
    )
}

fn write(out: &mut String, form: Form, parts: &[Part<'_>]) {
    for part in parts {
        match part {
            Part::Text(name, value) => {
                let typed = if form.is_encoded() { " xsi:type=\"xsd:string\"" } else { "" };
                out.push_str(&format!("<{name}{typed}>{}</{name}>", escape(value)));
            }
            Part::Struct(name, members) => {
                let typed = if form.is_encoded() { format!(" xsi:type=\"m:{name}\"") } else { String::new() };
                out.push_str(&format!("<{name}{typed}>"));
                write(out, form, members);
                out.push_str(&format!("</{name}>"));
            }
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
