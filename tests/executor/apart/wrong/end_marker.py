import os, struct
def double(x):
    os.write(3, struct.pack('<cI', b'F', 0))
    import time; time.sleep(60)
