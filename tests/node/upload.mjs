// Uploads one file with tus-js-client as it is. The job comes as JSON in the first argument:
// `endpoint`, `file`, `options` for the client, `store` (where it notes addresses, so that
// another process can go on), `stream` (a stream of no known length instead of the file) and
// `terminateAt` (bytes after which it gives up and removes the upload).
// Prints the address of the upload as JSON; ends with 1 where the client has given up.
import { createReadStream } from 'node:fs'
import { PassThrough } from 'node:stream'
import tus from 'tus-js-client'

const job = JSON.parse(process.argv[2])
const source = createReadStream(job.file)
const input = job.stream ? source.pipe(new PassThrough()) : source
const options = {
  endpoint: job.endpoint,
  retryDelays: Array(50).fill(0),
  ...job.options,
  metadata: { filename: 'some.bin', filetype: 'application/octet-stream' },
  onSuccess: () => {
    console.log(JSON.stringify({ url: upload.url }))
    process.exit(0)
  },
  onError: (error) => {
    console.error(String(error))
    process.exit(1)
  },
}
if (job.store) options.urlStorage = new tus.FileUrlStorage(job.store)
if (job.terminateAt) {
  let isOver = false
  options.onProgress = async (sent) => {
    if (isOver || sent < job.terminateAt || !upload.url) return
    isOver = true
    await upload.abort(true)
    console.log(JSON.stringify({ url: upload.url }))
    process.exit(0)
  }
}

const upload = new tus.Upload(input, options)
const previous = job.store ? await upload.findPreviousUploads() : []
if (previous.length) upload.resumeFromPreviousUpload(previous[0])
upload.start()
