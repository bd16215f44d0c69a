//! The texts of `serve --http`.

/// For `serve`.
pub(crate) const WEB: &str = "\
BROWSERS AND CURL

With --http, --store and --share serve browsers, curl and other programs that speak HTTP/1.1, on the same port and for the same files. The URL is \
printed at the start, at a terminal with a QR code and a command for curl. On an address that is not loopback its path begins with a secret, \
which is new at each start; --http=open leaves it out, and --token FILE asks for a token instead (at least 8 characters; in a browser it is the password, of any user). \
Whoever has the URL or the token can do what --store and --share allow: the code of the native protocol is not asked for. \
http:// is not encrypted. The same port speaks https://, with the key of this side, or with --http-cert.

    curl -f -O URL/FILE             download a file
    curl -f -C - -O URL/FILE        resume a download that was cut
    curl -f -T FILE URL/            upload a file
    tar c DIR | curl -f -T - URL/DIR.tar
        upload what a command prints
    curl -f -F file=@FILE URL/      upload by a form
    curl -f -u :TOKEN URL/?text     list a folder, with a token; ?json has a line of JSON for each entry
    curl -f -C - -o DIR.tar URL/DIR/?tar
        download a folder as an archive, or the rest of it; ?zip as well
    curl -f URL/DIR/?b3sum | b3sum --check -
        compare the files here with those of the server
    wget -r -np -nH URL/            mirror a folder
    rclone copy :http: DIR --http-url URL/
        mirror a folder
    sendall download URL/FILE       download, verified block by block

curl succeeds without -f when the server refuses. A download ends in order only if the file did not change while it was sent: else the connection is reset. \
Status 201 means that an upload is whole, on the disk and has its name; 200 that the same content was there; 409 that the name has other content, and nothing was changed; 507 that \
there is no room. A client that sends the ETag of the existing file as If-Match replaces it, unless --keep-existing is given. An upload that was cut \
is resumed by a PUT of the rest with Content-Range; HEAD says where the rest begins (Upload-Offset). Uploads of the IETF draft 'Resumable Uploads for HTTP' are resumed as well.

The page of a folder lists and sorts it, and with --store takes files and folders by drag and drop. It resumes what was cut, also after a reload, when the same files are chosen again. \
Without JavaScript it lists, and takes files by a form. If --store and --share name different folders, uploads are not listed. Files that a browser could run, such as HTML and SVG, \
are saved rather than shown, except with --site.

Requests whose Host is not an address or a name of this server are refused (421); --host adds names, such as that of a proxy in front. \
Requests that change something are refused if another site's page sends them.";
