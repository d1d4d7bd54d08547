//! `flowgate wsdl`: the service descriptions, without a running server.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::{Global, output, session};
use crate::facade::soap::message::SERVICE;
use crate::soap::wsdl::{self, Style};

/// Write the WSDLs to files
///
/// There are three: rpc/encoded as documented, and document/literal for SOAP 1.1 and SOAP 1.2. A running server gives
/// the same documents at its address.
#[derive(Args)]
#[command(after_help = "Examples:\n  flowgate wsdl --output wsdl --address https://soap.example.com/v1/soap\n  \
    flowgate wsdl --output - > flowgate.wsdl")]
pub(super) struct Arguments {
    /// The directory to write all three to; `-` prints the rpc/encoded one
    #[arg(long, value_name = "DIR", default_value = "wsdl")]
    output: PathBuf,
    /// The address that clients call [default: server.public_url or server.listen of the settings, with /v1/soap]
    #[arg(long, value_name = "URL")]
    address: Option<String>,
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<()> {
    let config = session::configure(global, Vec::new())?;
    let address = match &arguments.address {
        Some(address) => address.clone(),
        None => format!("{}/v1/soap", super::serve::base_url(&config, config.server.listen)),
    };
    let documents = documents(&address)?;
    let directory = &arguments.output;
    if directory.as_os_str() == "-" {
        return output::print(documents.first().map_or("", |(_, text)| text));
    }
    fs::create_dir_all(directory).with_context(|| format!("{} cannot be created", directory.display()))?;
    let mut names = String::new();
    for (name, text) in documents {
        let file = directory.join(name);
        fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))?;
        names.push_str(&format!("{}\n", file.display()));
    }
    output::print(&names)
}

/// File names and texts of the three descriptions, the documented one first.
fn documents(address: &str) -> anyhow::Result<Vec<(&'static str, String)>> {
    let rendered = Style::ALL.into_iter().map(|style| Ok((style.file_name(), wsdl::render(style, &SERVICE, address)?)));
    rendered.collect()
}
