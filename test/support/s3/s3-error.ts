import { element } from './xml.ts'

/** A refusal in the words of S3. */
export class S3Error extends Error {
  readonly status: number
  readonly code: string
  /** Elements of the body beside Code and Message. */
  readonly details: Readonly<Record<string, string>>

  constructor(
    status: number,
    code: string,
    message: string,
    details: Readonly<Record<string, string>> = {},
  ) {
    super(message)
    this.status = status
    this.code = code
    this.details = details
  }

  toXml(requestId: string): string {
    const details = Object.entries(this.details).map(([name, value]) => element(name, value))
    return [
      '<?xml version="1.0" encoding="UTF-8"?>\n<Error>',
      element('Code', this.code),
      element('Message', this.message),
      ...details,
      element('RequestId', requestId),
      '<HostId>c3RhbmQtaW4=</HostId></Error>',
    ].join('')
  }
}

export const invalidArgument = (message: string, name: string, value: string): S3Error =>
  new S3Error(400, 'InvalidArgument', message, { ArgumentName: name, ArgumentValue: value })

export const accessDenied = (message = 'Access Denied'): S3Error =>
  new S3Error(403, 'AccessDenied', message)
